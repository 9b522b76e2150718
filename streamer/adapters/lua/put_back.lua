-- Given up unfinished. Keys: s:<key>, :c, quiet:…, again:…, scopes, tap
-- ARGV[3] key, [4] token, [5] due again in ms, [6] as the last one of release
local s = load(ARGV[3])
if not s or s.token ~= tonumber(ARGV[4]) then return 0 end
call('HSET', skey(s.key), 'lease', '0')
if ARGV[6] == '0' then call('HSET', skey(s.key), 'settled', n2s(s.token)) end
move(s, 'again', now + tonumber(ARGV[5]))
log_end(s, ARGV[4], 'put_back', '', '')
tap(s, 'put_back', 'token', ARGV[4], 'in_ms', ARGV[5])
return 1
