-- Drops raw fragments whose turn is kept. Key: t:<scope>|<trace>; ARGV[3] scope|trace, [4] owner, [5] the turn's version, or ""
-- if this session has no turn of it: then it lives as long as a session at rest does, and a new fragment makes it stay
local key, frames = B .. 't:' .. ARGV[3], {}
if ARGV[5] == '' then
  if call('EXISTS', key) == 1 then
    call('HSET', key, 'x', '1')
    call('PEXPIRE', key, n2s(L['return']))
  end
  return 0
end
if tonumber(call('HGET', key, 'v') or -1) ~= tonumber(ARGV[5]) then return 0 end
for _, name in ipairs(call('HKEYS', key)) do
  if string.sub(name, 1, 1) == 'f' then frames[#frames + 1] = name end
end
if #frames == 0 then return 0 end
hdel_all(key, frames)
call('HSET', key, 's', '1', 'x', '1', 'o', ARGV[4])
call('PEXPIRE', key, n2s(L['return']))
return 1
