-- Keys: s:<key>, s:<key>:a, config (read), s:<key>:c, tap; ARGV[3] key, [4] token, [5] call key
-- Reply: {"lost"} | {"answer", JSON} | {"paused"} | {"none"}
local s = load(ARGV[3])
if not holds(s, ARGV[4]) then return {'lost'} end
local answer = call('HGET', skey(ARGV[3]) .. ':a', ARGV[5])
if answer then
  log_edit(s, ARGV[4], function(note) note.u = (note.u or 0) + 1 end)
  tap(s, 'reused', 'token', ARGV[4])
  return {'answer', answer}
end
return {call('HGET', KEYS[1], 'paused') == '1' and 'paused' or 'none'}
