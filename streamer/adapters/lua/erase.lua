-- Everything that was said in a session goes; whoever works on it is fenced, and the next claim takes back its rows.
-- Keys: s:<key>, :m, :t, :a, :l, :c, sessions, sweep, quiet:…, again:…, scopes, tap
-- ARGV[3] key, [4] version that was read, [5] entries, then judge, entry (JSON) × entries; trace, <version>:<packed turn>, …
-- Reply: 1, 0 if it has grown meanwhile, -1 if there is no such session
local s = load(ARGV[3])
if not s then return -1 end
if s.version ~= tonumber(ARGV[4]) then return 0 end
local key, at = skey(s.key), 5 + 2 * ARGV[5]
call('UNLINK', key .. ':m', key .. ':t', key .. ':a', key .. ':l')
hset_all(key .. ':l', {unpack(ARGV, 6, at)})
hset_all(key .. ':t', {unpack(ARGV, at + 1, #ARGV)})
s.token, s.version = math.max(s.token + 1, now_us), s.version + 1
call('HDEL', key, 'opened', 'ended', 'gap', 'settle', 'age', 'missing', 'looks', 'shared', 'reason', 'full', 'span_bytes',
     'look_traces', 'look_bytes', 'closed_turns', 'closed_bytes')
call('HSET', key, 'token', n2s(s.token), 'settled', n2s(s.token), 'lease', '0', 'version', n2s(s.version),
     'erased', n2s(s.token), 'wipe', '1')
log_claim(s, {t = s.token, at = now, i = 'e', v = s.version, e = 'erased', r = '', d = '', z = now})
call('ZADD', B .. 'sessions', n2s(now), s.key)
call('ZREM', B .. 'sweep', s.key)
move(s, 'again', now)
tap(s, 'erased')
return 1
