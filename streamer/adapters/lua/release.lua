-- Not closed yet: back at the true time. Keys: s:<key>, :c, :m (read), quiet:…, again:…, scopes, tap
-- ARGV[3] key, [4] token, [5] gap, [6] settle, [7] maximum age, [8] record time at which it may close, [9] version that was
-- read, [10] [11] where it may be full, [12] "1" if the claim followed one that never came back: so does the next one then
local s = load(ARGV[3])
if not s or s.token ~= tonumber(ARGV[4]) then return 0 end
s.gap, s.settle, s.age = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
call('HSET', skey(s.key), 'lease', '0', 'gap', ARGV[5], 'settle', ARGV[6], 'age', ARGV[7])
if ARGV[12] == '0' then call('HSET', skey(s.key), 'settled', n2s(s.token)) end
look(s, ARGV[10], ARGV[11])
local at = tonumber(ARGV[8])
if s.version == tonumber(ARGV[9]) then move(s, 'quiet', at) else at = move_to_quiet(s) end
log_end(s, ARGV[4], 'released', '', n2s(at))
tap(s, 'released', 'token', ARGV[4], 'closes_ms', n2s(at))
return 1
