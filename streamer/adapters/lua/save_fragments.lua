-- Phase 1 of a save, in the bucket of the traces.
-- Keys: t:<scope>|<trace> (f…, c, v, e; read x, z), parked
-- ARGV[3] = source|, then five per fragment: tenant|trace, digest, frame, candidates (msgpack list, sorted; "" for none), "1" if
-- it ends the session
-- Reply: per trace, in order of its first mention: candidates (msgpack), version, "1" if a span ended the session; of one that
-- was erased, which takes nothing any more: "", "0", "0"
local source, traces, order = ARGV[3], {}, {}
for i = 4, #ARGV, 5 do
  local name = source .. ARGV[i]
  local key = B .. 't:' .. name
  local t = traces[name]
  if not t then
    local v = call('HMGET', key, 'c', 'v', 'e', 'x', 'z')
    t = {c = v[1] or '', v = tonumber(v[2] or 0), e = v[3] and '1' or '0', had = v[1], expires = v[4]}
    if v[5] then t = {c = '', v = 0, e = '0', erased = true} end
    traces[name] = t
    order[#order + 1] = t
  end
  local fresh = not t.erased and call('HSETNX', key, 'f' .. ARGV[i + 1], ARGV[i + 2]) == 1
  local set = {}
  if fresh then
    t.v = math.max(t.v + 1, now_us)
    set = {'v', n2s(t.v)}
    if t.expires then call('PERSIST', key) end
  end
  local c = t.erased and '' or ARGV[i + 3]
  if c ~= '' and c ~= t.c then
    if t.c ~= '' then
      local seen, all = {}, cmsgpack.unpack(t.c)
      for _, id in ipairs(all) do seen[id] = true end
      for _, id in ipairs(cmsgpack.unpack(c)) do
        if not seen[id] then all[#all + 1] = id end
      end
      c = cmsgpack.pack(all)
    end
    if #c ~= #t.c then t.had = nil end  -- a new name: parked again only if nobody takes it
    t.c = c
    set[#set + 1] = 'c'
    set[#set + 1] = c
  end
  if ARGV[i + 4] == '1' and t.e == '0' and not t.erased then
    t.e = '1'
    set[#set + 1] = 'e'
    set[#set + 1] = '1'
  end
  if #set > 0 then call('HSET', key, unpack(set)) end
  if t.c ~= '' then
    if not t.had then
      call('ZREM', B .. 'parked', name)
      t.had = true
    end
  elseif fresh then
    call('ZADD', B .. 'parked', n2s(now + L.parked), name)
  end
end
local reply = {}
for i, t in ipairs(order) do
  reply[3 * i - 2], reply[3 * i - 1], reply[3 * i] = t.c, n2s(t.v), t.e
end
return reply
