-- The audit's look at a page of a bucket's sessions. Keys: sessions, sweep, parked (read), s:<key>, :i, :l, :m, :t, quiet:…, again:…
-- ARGV[3] ZSCAN cursor, [4] sessions a page, [5] sweeps a page
-- Reply: next cursor, sweeps {key, source, tenant, id, version, {trace, turn's version or "", …}}, expired parked traces
local page = call('ZSCAN', B .. 'sessions', ARGV[3], 'COUNT', ARGV[4])
for i = 1, #page[2], 2 do
  local s = load(page[2][i])
  if s then
    age_intents(s.key, '')
    if not indexed(s) and not at_rest(s) then move(s, 'again', now) end
  end
end
local sweeps = {}
for _, key in ipairs(call('ZRANGEBYSCORE', B .. 'sweep', '-inf', n2s(now), 'LIMIT', 0, ARGV[5])) do
  local s = load(key)
  if s then
    local versions, read, turns = {}, {}, call('HGETALL', skey(key) .. ':t')
    for i = 1, #turns, 2 do
      versions[i], versions[i + 1] = turns[i], string.match(turns[i + 1], '^(%d+):')
      read[turns[i]] = true
    end
    for _, trace in ipairs(call('HKEYS', skey(key) .. ':m')) do
      if not read[trace] then
        versions[#versions + 1] = trace
        versions[#versions + 1] = ''
      end
    end
    sweeps[#sweeps + 1] = {key, s.source, s.tenant, s.id, n2s(s.version), versions}
  else
    call('ZREM', B .. 'sweep', key)
  end
end
return {page[1], sweeps, call('ZRANGEBYSCORE', B .. 'parked', '-inf', n2s(now), 'LIMIT', 0, ARGV[4])}
