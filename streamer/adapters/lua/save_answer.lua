-- Whoever holds the session now. Keys: s:<key> (read), s:<key>:a, s:<key>:c, tap
-- ARGV[3] key, [4] token, [5] call key, [6] answer (JSON), [7] tokens, [8] micro-USD, "" if the price is not known
-- Reply: 0 if there is no such session (any more), or it was erased since the claim
local s = load(ARGV[3])
if not s or tonumber(call('HGET', skey(s.key), 'erased') or 0) > tonumber(ARGV[4]) then return 0 end
if call('HSET', skey(ARGV[3]) .. ':a', ARGV[5], ARGV[6]) == 0 then return 1 end
log_edit(s, ARGV[4], function(note)
  note.k, note.kt, note.ku = (note.k or 0) + 1, (note.kt or 0) + ARGV[7], (note.ku or 0) + (num(ARGV[8]) or 0)
  if ARGV[8] == '' then note.kx = (note.kx or 0) + 1 end
end)
tap(s, 'answered', 'token', ARGV[4], 'tokens', ARGV[7], 'usd_micros', ARGV[8])
return 1
