-- Lengthens leases. Keys: s:<key>, again:…; ARGV[3…] = key, token, …; Reply: key, token, … of those that are lost
local lost = {}
for i = 3, #ARGV, 2 do
  local s = load(ARGV[i])
  if holds(s, ARGV[i + 1]) then
    s.lease = now + L.lease
    call('HSET', skey(s.key), 'lease', n2s(s.lease))
    move(s, 'again', s.lease)
  else
    lost[#lost + 1] = ARGV[i]
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
