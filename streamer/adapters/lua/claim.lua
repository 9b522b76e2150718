-- Leases due sessions, one of each scope in turn: first what waits in `again`, then what is quiet.
-- Keys: config (read), scopes, quiet:…, again:…, sweep, s:<key> and its :c, and :m, :t, :l (read); tap
-- ARGV[3] limit, [4] generation, [5] turn of the round-robin, then source, watermark, …
-- Reply: now, then per session: {key, index, "1" if interrupted, session hash, members, turns, ledger}
local limit, turn, marks = tonumber(ARGV[3]), tonumber(ARGV[5]), {}
for i = 6, #ARGV, 2 do marks[ARGV[i]] = ARGV[i + 1] end
local config = call('HMGET', KEYS[1], 'generation', 'paused')
if tonumber(config[1] or 1) > tonumber(ARGV[4]) or config[2] == '1' then return {n2s(now)} end
local scopes = {}
for _, scope in ipairs(call('SMEMBERS', B .. 'scopes')) do
  if call('EXISTS', B .. 'again:' .. scope, B .. 'quiet:' .. scope) == 0 then
    call('SREM', B .. 'scopes', scope)
  else
    scopes[#scopes + 1] = scope
  end
end
table.sort(scopes)
local queues = {}
local function queue_of(scope)
  local queue = {}
  for _, key in ipairs(call('ZRANGEBYSCORE', B .. 'again:' .. scope, '-inf', n2s(now), 'LIMIT', 0, limit)) do
    queue[#queue + 1] = {key, 'again', scope}
  end
  local until_ms = marks[string.match(scope, '^[^|]*')] or '-1'
  for _, key in ipairs(call('ZRANGEBYSCORE', B .. 'quiet:' .. scope, '-inf', until_ms, 'LIMIT', 0, limit)) do
    queue[#queue + 1] = {key, 'quiet', scope}
  end
  return queue
end
local picked, round, more = {}, 1, #scopes > 0
while more and #picked < limit do
  more = false
  for i = 0, #scopes - 1 do
    local scope = scopes[(turn + i) % #scopes + 1]
    queues[scope] = queues[scope] or queue_of(scope)
    local found = queues[scope][round]
    if found then
      more = true
      if #picked < limit then picked[#picked + 1] = found end
    end
    if #picked == limit then break end
  end
  round = round + 1
end
local reply = {n2s(now)}
for _, found in ipairs(picked) do
  local key = found[1]
  local s = load(key)
  if not s then
    call('ZREM', B .. found[2] .. ':' .. found[3], key)
  else
    local interrupted = s.token ~= s.settled and '1' or '0'
    s.token = math.max(s.token + 1, now_us)
    s.lease = now + L.lease
    call('HSET', skey(key), 'token', n2s(s.token), 'lease', n2s(s.lease))
    call('ZREM', B .. 'sweep', key)
    move(s, 'again', s.lease)
    log_claim(s, {t = s.token, at = now, i = found[2] == 'quiet' and 'q' or 'a', v = s.version, x = interrupted == '1' and 1 or nil,
                  w = tonumber(marks[s.source] or -1), ac = s.activity, op = s.opened, en = s.ended, fu = s.full,
                  ct = s.closed_turns, cb = s.closed_bytes})
    tap(s, 'claimed', 'token', n2s(s.token), 'due', found[2], 'version', n2s(s.version), 'interrupted', interrupted)
    reply[#reply + 1] = {key, found[2], interrupted, call('HGETALL', skey(key)), call('HGETALL', skey(key) .. ':m'),
                         call('HGETALL', skey(key) .. ':t'), call('HGETALL', skey(key) .. ':l')}
  end
end
return reply
