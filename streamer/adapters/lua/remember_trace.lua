-- A trace that MLflow has and ingest has not seen: from now on it is known as one that was read and swept. Keys: t:<scope>|<trace>
-- ARGV[3] scope|trace, [4] its session. Reply: its version, 0 if it was erased
local key = B .. 't:' .. ARGV[3]
local v = call('HMGET', key, 'v', 'z')
if v[2] then return '0' end
if v[1] then return v[1] end
call('HSET', key, 'v', n2s(now_us), 'c', cmsgpack.pack({ARGV[4]}), 's', '1', 'x', '1', 'o', ARGV[4])
call('PEXPIRE', key, n2s(L['return']))
return n2s(now_us)
