-- Drops saved answers of a session at rest. Keys: s:<key>, :a, :i, :l, sweep; ARGV[3] key, [4] version
local s = load(ARGV[3])
if not s or s.version ~= tonumber(ARGV[4]) or not at_rest(s) then return 0 end
call('UNLINK', skey(s.key) .. ':a')
call('ZREM', B .. 'sweep', s.key)
return 1
