-- Keys: parked, t:<scope>|<trace>; ARGV[3] scope|trace; Reply: 1 if it had expired and is gone
local at = call('ZSCORE', B .. 'parked', ARGV[3])
if not at or tonumber(at) > now then return 0 end
call('ZREM', B .. 'parked', ARGV[3])
call('UNLINK', B .. 't:' .. ARGV[3])
return 1
