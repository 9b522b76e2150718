-- Leases one session that is at rest, or that nobody knows yet, for whoever has judged it apart.
-- Keys: config (read), s:<key>, :m, :t, :r, :l, :c, :i (read), tap, sessions, sweep, quiet:…, again:…, scopes
-- ARGV[3] key, [4] source, [5] tenant, [6] session id, [7] version that was read, 0 for one that nobody knew, [8] activity, [9] gap,
-- [10] settle, [11] maximum age, [12] turns, [13] entries, [14] rows, then trace, version, <version>:<packed turn> × turns; judge,
-- entry (JSON) × entries; assessment id, <trace>|<judge> × rows. An entry that is there stays: a claim has written it.
-- Reply: {why not: paused, changed or open}, or {"", now, generation, interrupted, session hash, members, turns, ledger}
local config = call('HMGET', KEYS[1], 'generation', 'paused')
if config[2] == '1' then return {'paused'} end
local s = load(ARGV[3])
if (s and s.version or 0) ~= tonumber(ARGV[7]) then return {'changed'} end
-- One that was handed over before and is not done with is taken up again, as a claim would.
local goes_on = s and s.handed and s.version == s.judged and s.lease <= now
if s and not goes_on and (not at_rest(s) or indexed(s)) then return {'open'} end
s = s or {key = ARGV[3], source = ARGV[4], tenant = ARGV[5], id = ARGV[6], scope = ARGV[4] .. '|' .. ARGV[5],
          version = 0, activity = 0, token = 0, settled = 0}
local key, at, members, turns, rows = skey(s.key), 15, {}, {}, {}
for i = at, at + 3 * ARGV[12] - 1, 3 do
  if tonumber(call('HGET', key .. ':m', ARGV[i]) or 0) < tonumber(ARGV[i + 1]) then
    members[#members + 1], members[#members + 2] = ARGV[i], ARGV[i + 1]
    s.version = s.version + 1
  end
  turns[#turns + 1], turns[#turns + 2] = ARGV[i], ARGV[i + 2]
end
at = at + 3 * ARGV[12]
hset_all(key .. ':m', members)
hset_all(key .. ':t', turns)
for i = at, at + 2 * ARGV[13] - 1, 2 do call('HSETNX', key .. ':l', ARGV[i], ARGV[i + 1]) end
at = at + 2 * ARGV[13]
for i = at, at + 2 * ARGV[14] - 1 do rows[#rows + 1] = ARGV[i] end
hset_all(key .. ':r', rows)
local interrupted = s.token ~= s.settled and '1' or '0'
s.activity = math.max(s.activity, tonumber(ARGV[8]))
s.token = math.max(s.token + 1, now_us)
s.lease = now + L.lease
call('HSET', key, 'source', s.source, 'tenant', s.tenant, 'id', s.id, 'version', n2s(s.version), 'judged', n2s(s.version),
     'activity', n2s(s.activity), 'gap', ARGV[9], 'settle', ARGV[10], 'age', ARGV[11], 'token', n2s(s.token),
     'lease', n2s(s.lease), 'handed', '1')
call('ZADD', B .. 'sessions', n2s(now), s.key)
call('ZREM', B .. 'sweep', s.key)
move(s, 'again', s.lease)
log_claim(s, {t = s.token, at = now, i = 't', v = s.version, x = interrupted == '1' and 1 or nil, ac = s.activity})
tap(s, 'claimed', 'token', n2s(s.token), 'due', 'taken', 'version', n2s(s.version), 'interrupted', interrupted)
return {'', n2s(now), config[1] or '1', interrupted, call('HGETALL', key), call('HGETALL', key .. ':m'),
        call('HGETALL', key .. ':t'), call('HGETALL', key .. ':l')}
