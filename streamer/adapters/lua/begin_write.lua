-- Says which rows will be written. Keys: s:<key> (read), s:<key>:r, s:<key>:i, s:<key>:c, tap
-- ARGV[3] key, [4] token, then assessment id, <MLflow trace>|<judge>, …
-- Reply: {} if lost, else "1" if another intent is open, then id, <trace>|<judge>, … of every row that may stand
local s = load(ARGV[3])
if not holds(s, ARGV[4]) then return {} end
local token = n2s(s.token)
local _, others = age_intents(s.key, token)
for i = 5, #ARGV, 200 do call('HSET', skey(s.key) .. ':r', unpack(ARGV, i, math.min(i + 199, #ARGV))) end
call('HSET', skey(s.key) .. ':i', token, n2s(now))
log_edit(s, ARGV[4], function(note) note.b = now end)
tap(s, 'writing', 'token', ARGV[4], 'rows', n2s((#ARGV - 4) / 2))
local reply = {others > 0 and '1' or '0'}
for _, v in ipairs(call('HGETALL', skey(s.key) .. ':r')) do reply[#reply + 1] = v end
return reply
