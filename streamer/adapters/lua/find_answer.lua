-- Keys read: s:<key>, s:<key>:a, config; ARGV[3] key, [4] token, [5] call key
-- Reply: {"lost"} | {"answer", JSON} | {"paused"} | {"none"}
if not holds(load(ARGV[3]), ARGV[4]) then return {'lost'} end
local answer = call('HGET', skey(ARGV[3]) .. ':a', ARGV[5])
if answer then return {'answer', answer} end
return {call('HGET', KEYS[1], 'paused') == '1' and 'paused' or 'none'}
