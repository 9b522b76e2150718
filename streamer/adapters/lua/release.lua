-- Not closed yet: back at the true time. Keys: s:<key>, quiet:…, again:…, scopes
-- ARGV[3] key, [4] token, [5] gap, [6] record time at which it may close, [7] version that was read, [8] [9] where it may be
-- full. Keys read: s:<key>:m
local s = load(ARGV[3])
if not s or s.token ~= tonumber(ARGV[4]) then return 0 end
s.gap = tonumber(ARGV[5])
call('HSET', skey(s.key), 'lease', '0', 'gap', ARGV[5], 'settled', n2s(s.token))
look(s, ARGV[8], ARGV[9])
if s.version == tonumber(ARGV[7]) then move(s, 'quiet', tonumber(ARGV[6])) else move_to_quiet(s) end
return 1
