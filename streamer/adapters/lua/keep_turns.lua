-- Keys: s:<key>, s:<key>:t; ARGV[3] key, [4] token, [5] gap, [6] settle, [7] maximum age, then trace, <version>:<packed turn>, …; Reply: 0 if lost
local s = load(ARGV[3])
if not holds(s, ARGV[4]) then return 0 end
for i = 8, #ARGV, 200 do call('HSET', skey(s.key) .. ':t', unpack(ARGV, i, math.min(i + 199, #ARGV))) end
call('HSET', skey(s.key), 'gap', ARGV[5], 'settle', ARGV[6], 'age', ARGV[7])
return 1
