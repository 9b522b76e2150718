-- Keys: parked, t:<scope>|<trace>; ARGV[3] scope|trace; Reply: "" if it has not expired, else why it is gone
local at = call('ZSCORE', B .. 'parked', ARGV[3])
if not at or tonumber(at) > now then return '' end
local named = call('HEXISTS', B .. 't:' .. ARGV[3], 'c') == 1
call('ZREM', B .. 'parked', ARGV[3])
call('UNLINK', B .. 't:' .. ARGV[3])
return named and 'refused' or 'no_session'
