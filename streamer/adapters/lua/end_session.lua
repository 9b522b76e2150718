-- An explicit end. Keys: s:<key>, tap, sessions, quiet:…, again:…, scopes
-- ARGV[3] key, [4] source, [5] tenant, [6] session id, [7] record time of the end
local key, at = ARGV[3], tonumber(ARGV[7])
local s = load(key)
if not s then
  call('HSET', skey(key), 'source', ARGV[4], 'tenant', ARGV[5], 'id', ARGV[6])
  s = load(key)
end
s.ended = math.max(s.ended or 0, at)
call('HSET', skey(key), 'ended', n2s(s.ended))
call('ZADD', B .. 'sessions', n2s(now), key)
tap(s, 'ended')
if s.lease <= now and (s.version > s.judged or s.interim) then
  call('HSET', skey(key), 'lease', '0')
  move_to_quiet(s)
end
return 1
