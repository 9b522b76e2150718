-- What rows in MLflow tell of a session that was read again. Keys: s:<key>, :t, :r, :l, sessions, sweep, quiet:…, again:…
-- ARGV[3] key, [4] version read, [5] gap, [6] settle, [7] maximum age, [8] reason if nothing is owed for this version, else "",
-- [9] turns and [10] bytes that its verdicts speak of, [11] [12] where it may be full next, [13] turns, [14] entries, [15] rows, then
-- trace, <version>:<packed turn> × turns; judge, entry (JSON) × entries; assessment id, <trace>|<judge> × rows
-- Reply: 1, or 0 if the session has grown or is leased. An entry that is there stays: a claim has written it.
local s = load(ARGV[3])
if not s or s.version ~= tonumber(ARGV[4]) or s.lease > now then return 0 end
local key, at = skey(s.key), 16
local function take(n)
  local flat = {}
  for i = at, at + 2 * n - 1 do flat[#flat + 1] = ARGV[i] end
  at = at + 2 * n
  return flat
end
hset_all(key .. ':t', take(ARGV[13]))
local entries = take(ARGV[14])
for i = 1, #entries, 2 do call('HSETNX', key .. ':l', entries[i], entries[i + 1]) end
hset_all(key .. ':r', take(ARGV[15]))
call('HSET', key, 'gap', ARGV[5], 'settle', ARGV[6], 'age', ARGV[7])
if L.max_turns > 0 or L.max_bytes > 0 then call('HSET', key, 'closed_turns', ARGV[9], 'closed_bytes', ARGV[10]) end
look(s, ARGV[11], ARGV[12])
call('ZADD', B .. 'sessions', n2s(now), s.key)
if ARGV[8] ~= '' then
  call('HSET', key, 'judged', n2s(s.version), 'reason', ARGV[8])
  call('HDEL', key, 'opened')
  move(s, nil)
  call('ZADD', B .. 'sweep', n2s(now + L.late), s.key)
end
return 1
