-- A trace that no session has taken. Keys: t:<scope>|<trace> (read), parked; ARGV[3] scope|trace
if call('EXISTS', B .. 't:' .. ARGV[3]) == 1 then call('ZADD', B .. 'parked', n2s(now + L.parked), ARGV[3]) end
return 1
