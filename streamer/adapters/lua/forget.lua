-- Removes sessions at rest that changed last `rest` ago. Keys: sessions, sweep, s:<key> with :m :t :a :r :i :l :c
-- ARGV[3] how many of the oldest to pass over, [4] page, [5] rest in ms
-- Reply: {forgotten {source, tenant, id, {trace, version last told, …}}, how many were looked at}
local old = call('ZRANGEBYSCORE', B .. 'sessions', '-inf', n2s(now - ARGV[5]), 'LIMIT', ARGV[3], ARGV[4])
local forgotten = {}
for _, key in ipairs(old) do
  local s = load(key)
  if not s then
    call('ZREM', B .. 'sessions', key)
  elseif at_rest(s) and not indexed(s) then
    local k = skey(key)
    forgotten[#forgotten + 1] = {s.source, s.tenant, s.id, call('HGETALL', k .. ':m')}
    call('UNLINK', k, k .. ':m', k .. ':t', k .. ':a', k .. ':r', k .. ':i', k .. ':l', k .. ':c')
    call('ZREM', B .. 'sessions', key)
    call('ZREM', B .. 'sweep', key)
  end
end
return {forgotten, #old}
