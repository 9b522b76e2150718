-- Whoever holds the session now. Keys: s:<key> (read), s:<key>:a; ARGV[3] key, [4] call key, [5] answer (JSON)
if call('EXISTS', skey(ARGV[3])) == 0 then return 0 end
call('HSET', skey(ARGV[3]) .. ':a', ARGV[4], ARGV[5])
return 1
