-- Accepts one message: claims the idempotency key, finds or makes the contact, journals, appends to each lane and arms
-- what sleeps. All or nothing.
-- ARGV: 1 seen key or ""  2 its lifetime ms  3 "in" or a conversation number  4 channel  5 remote user  6 username
--       7 username, lower case  8 name  9 message id  10 kind  11 origin  12 e (JSON)  13 raw  14 comment id
--       15 once key or ""  16 retention ms  17 bell ("1": tell other processes)
--       18 worker id  19 lease ms  20 destinations this worker will take at once, as " a b "
--       21 the newest answer its writer has seen, "" for none, "*" where that is not to be checked
--       22 the number known to have been given out last  23... destinations
-- Returns {status, number, message id, now, username, name, destination woken, generation or "" ...}; status 1 accepted,
-- 0 seen before, 2 once key taken, 3 somebody else has answered since (the id is the newest answer's). With a generation
-- the lane is already held by the worker, under a token of the same number: what is accepted and sent by one process
-- need not be asked for in between.
local seen, seen_ms, n, channel, remote, user, lower, name, mid, kind, origin, e, raw, comment, once, retention, bell,
  taker, lease, takes, after, reached = unpack(ARGV)
if seen ~= '' then
  local was
  -- Asked and claimed in one, unless there is more to ask before anything may be claimed.
  if once ~= '' or after ~= '*' then was = call('GET', P .. seen)
  elseif not call('SET', P .. seen, mid, 'NX', 'PX', seen_ms) then was = call('GET', P .. seen) end
  if was then return { 0, call('HGET', P .. 'm:' .. was, 'n') or '0', was } end
end
if after ~= '*' then
  -- Written in ignorance of another answer. Contacts from before this was kept have no `la`: nothing is known of them.
  local la = call('HGET', P .. 'contact:' .. n, 'la')
  if la and la ~= after then return { 3, n, la } end
  if seen ~= '' and once == '' then call('SET', P .. seen, mid, 'PX', seen_ms) end
end
if once ~= '' then
  local by = call('GET', P .. once)
  if by then return { 2, n, by } end
  if seen ~= '' then call('SET', P .. seen, mid, 'PX', seen_ms) end
  call('SET', P .. once, mid, 'PX', retention)
end
-- An error from here on must not leave the claims standing: the sender's repeat would be taken for a repeat.
local function put()
  local now, before = now_ms(), nil
  if n == 'in' then
    local set = { 'last', now, 'lk', kind, 'dm', now }
    if kind == 'comment' then set = { 'last', now, 'lk', kind, 'cid', comment, 'cat', now } end
    local had = {}
    n = call('HGET', P .. 'who:' .. channel, remote)
    if n then
      had = call('HMGET', P .. 'contact:' .. n, 'user', 'name', 'last')
      before = had[3] and tonumber(had[3])
    else
      before = 0
      n = call('HINCRBY', P .. 'seq', 'contact', 1)
      -- The store was emptied behind our back: nobody is given the number of somebody else.
      if n <= tonumber(reached) then n = call('HINCRBY', P .. 'seq', 'contact', reached + 1000 - n) end
      n = string.format('%d', n)
      call('HSET', P .. 'who:' .. channel, remote, n)
      for _, x in ipairs({ 'ch', channel, 'id', remote, 'first', now }) do set[#set + 1] = x end
    end
    if user == '' then user = had[1] or ''
    else
      if had[1] ~= user then set[#set + 1], set[#set + 2] = 'user', user end
      -- The name may have been somebody else's in the meantime.
      local names = P .. 'name:' .. channel
      if before == 0 or call('HGET', names, lower) ~= n then call('HSET', names, lower, n) end
    end
    if name == '' then name = had[2] or ''
    elseif had[2] ~= name then set[#set + 1], set[#set + 2] = 'name', name end
    call('HSET', P .. 'contact:' .. n, unpack(set))
    if comment ~= '' then
      -- Each comment has an answer of its own.
      local comments = P .. 'comments:' .. n
      call('ZADD', comments, now, comment)
      call('ZREMRANGEBYRANK', comments, 0, -101)
      call('PEXPIRE', comments, retention)
    end
    call('ZADD', P .. 'recent', now, n)
  elseif kind == 'answer' then
    call('HSET', P .. 'contact:' .. n, 'ans', now, 'la', mid)
    call('ZADD', P .. 'recent', now, n)
  end
  local woken, given = enqueue(now, mid, kind, origin, n, e, raw, { unpack(ARGV, 23) }, retention, before,
    takes ~= '' and takes, taker, lease)
  local out = { 1, n, mid, now, user, name }
  for i, dest in ipairs(woken) do
    if given[i] == '' and bell == '1' then call('PUBLISH', P .. 'bell', dest) end
    out[#out + 1] = dest
    out[#out + 1] = given[i]
  end
  return out
end
local ok, out = pcall(put)
if ok then return out end
if seen ~= '' then call('DEL', P .. seen) end
if once ~= '' then call('DEL', P .. once) end
return type(out) == 'table' and out or redis.error_reply(out)
