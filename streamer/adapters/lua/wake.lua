-- Phase 2 of a save, in the bucket of the sessions.
-- Keys: s:<key>, s:<key>:m, tap, sessions, sweep, quiet:…, again:…, scopes
-- ARGV[3…] per session: key, source, tenant, session id, n, then n times: trace, version, activity, "1" if it ends the session,
-- bytes of spans
-- Reply: key, trace, … of traces that a session shared by everybody did not take
local i, refused = 3, {}
while i <= #ARGV do
  local key, n = ARGV[i], tonumber(ARGV[i + 4])
  local s = load(key) or {key = key, source = ARGV[i + 1], tenant = ARGV[i + 2], id = ARGV[i + 3], version = 0, judged = 0,
                          activity = 0, lease = 0, span_bytes = 0, scope = ARGV[i + 1] .. '|' .. ARGV[i + 2], new = true}
  local first, raised, told = i + 5, {}, {}
  local size = call('HLEN', skey(key) .. ':m')
  for j = first, first + 5 * n - 5, 5 do
    local trace, version, activity = ARGV[j], tonumber(ARGV[j + 1]), tonumber(ARGV[j + 2])
    local known = told[trace] or tonumber(call('HGET', skey(key) .. ':m', trace) or 0)
    if known == 0 and size >= L.traces_max then
      refused[#refused + 1] = key
      refused[#refused + 1] = trace
      if s.shared ~= 1 then  -- once, so that a claim says so
        s.shared, s.version, s.activity = 1, s.version + 1, math.max(s.activity, activity)
        s.opened, s.tripped = s.opened or activity, true
      end
    elseif known < version then
      if known == 0 then size = size + 1 end
      told[trace] = version
      raised[#raised + 1] = trace
      raised[#raised + 1] = ARGV[j + 1]
      s.version = s.version + 1
      s.activity = math.max(s.activity, activity)
      s.opened = s.opened or activity
      s.span_bytes = s.span_bytes + tonumber(ARGV[j + 4])
      if ARGV[j + 3] == '1' then s.ended = math.max(s.ended or 0, activity) end
      fill(s, size)
    end
  end
  if #raised > 0 or s.tripped then
    hset_all(skey(key) .. ':m', raised)
    local set = {'version', n2s(s.version), 'activity', n2s(s.activity), 'opened', n2s(s.opened)}
    if L.max_bytes > 0 then set[#set + 1] = 'span_bytes'; set[#set + 1] = n2s(s.span_bytes) end
    if s.tripped then set[#set + 1] = 'shared'; set[#set + 1] = '1' end
    if s.ended then set[#set + 1] = 'ended'; set[#set + 1] = n2s(s.ended) end
    if s.new then
      for _, name in ipairs({'source', 'tenant', 'id'}) do set[#set + 1] = name; set[#set + 1] = s[name] end
    end
    if s.lease > 0 and s.lease <= now then set[#set + 1] = 'lease'; set[#set + 1] = '0' end
    call('HSET', skey(key), unpack(set))
    if s.handed then call('HDEL', skey(key), 'handed') end  -- what comes now is news
    if s.missing or s.looks and s.looks > 0 then call('HDEL', skey(key), 'missing', 'looks') end
    call('ZADD', B .. 'sessions', n2s(now), key)
    if s.full then save_full(s) end
    if s.lease <= now then
      call('ZREM', B .. 'sweep', key)
      move_to_quiet(s)
    end
    tap(s, 'grew', 'version', n2s(s.version), 'traces', n2s(size))
  end
  i = first + 5 * n
end
return refused
