-- What was said in a trace goes, and what of it still comes is not taken. Keys: t:<scope>|<trace>, parked
-- ARGV[3] scope|trace, [4] its session, [5] the version that was read; Reply: 0 if more has come meanwhile
local key, frames = B .. 't:' .. ARGV[3], {}
local v = call('HGET', key, 'v')
if not v then return 1 end
if tonumber(v) ~= tonumber(ARGV[5]) then return 0 end
for _, name in ipairs(call('HKEYS', key)) do
  if string.sub(name, 1, 1) == 'f' then frames[#frames + 1] = name end
end
hdel_all(key, frames)
call('HSET', key, 'z', '1', 's', '1', 'x', '1', 'o', ARGV[4])
call('PEXPIRE', key, n2s(L['return']))
call('ZREM', B .. 'parked', ARGV[3])
return 1
