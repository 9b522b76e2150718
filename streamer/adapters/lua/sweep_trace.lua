-- Drops raw fragments whose turn is kept. Key: t:<scope>|<trace>; ARGV[3] scope|trace, [4] owner, [5] the turn's version
local key, frames = B .. 't:' .. ARGV[3], {}
if tonumber(call('HGET', key, 'v') or -1) ~= tonumber(ARGV[5]) then return 0 end
for _, name in ipairs(call('HKEYS', key)) do
  if string.sub(name, 1, 1) == 'f' then frames[#frames + 1] = name end
end
if #frames == 0 then return 0 end
hdel_all(key, frames)
call('HSET', key, 's', '1', 'o', ARGV[4])
call('PEXPIRE', key, n2s(L['return']))
return 1
