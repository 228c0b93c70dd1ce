-- Accepts one message: claims the idempotency key, finds or makes the contact, journals, appends to each lane and arms
-- what sleeps. All or nothing.
-- ARGV: 1 seen key or ""  2 its lifetime ms  3 "in" or a conversation number  4 channel  5 remote user  6 username
--       7 username, lower case  8 name  9 message id  10 kind  11 origin  12 e (JSON)  13 raw  14 comment id
--       15 once key or ""  16 retention ms  17 bell ("1": tell other processes)
--       18 worker id  19 lease ms  20 destinations this worker will take at once, as " a b "  21... destinations
-- Returns {status, number, message id, now, username, name, destination woken, generation or "" ...}; status 1 accepted,
-- 0 seen before, 2 once key taken. With a generation the lane is already held by the worker, under a token of the same
-- number: what is accepted and sent by one process need not be asked for in between.
local now = now_ms()
local seen = ARGV[1]
if seen ~= '' then
  local was = redis.call('GET', P .. seen)
  if was then return { 0, redis.call('HGET', P .. 'm:' .. was, 'n') or '0', was } end
end
local mid, kind, n = ARGV[9], ARGV[10], ARGV[3]
local user, name = ARGV[6], ARGV[8]
if ARGV[15] ~= '' and redis.call('EXISTS', P .. ARGV[15]) == 1 then
  return { 2, n, redis.call('GET', P .. ARGV[15]) }
end
if n == 'in' then
  local channel, remote = ARGV[4], ARGV[5]
  n = redis.call('HGET', P .. 'who:' .. channel, remote)
  if not n then
    n = string.format('%d', redis.call('HINCRBY', P .. 'seq', 'contact', 1))
    redis.call('HSET', P .. 'who:' .. channel, remote, n)
    redis.call('HSET', P .. 'contact:' .. n, 'ch', channel, 'id', remote, 'first', now)
  end
  local contact = P .. 'contact:' .. n
  local had = redis.call('HMGET', contact, 'user', 'name')
  if ARGV[6] ~= '' then
    if had[1] ~= ARGV[6] then redis.call('HSET', contact, 'user', ARGV[6]) end
    if redis.call('HGET', P .. 'name:' .. channel, ARGV[7]) ~= n then
      redis.call('HSET', P .. 'name:' .. channel, ARGV[7], n)
    end
  end
  if user == '' then user = had[1] or '' end
  if name == '' then name = had[2] or '' end
  if ARGV[8] ~= '' and had[2] ~= ARGV[8] then redis.call('HSET', contact, 'name', ARGV[8]) end
  if kind == 'comment' then
    redis.call('HSET', contact, 'last', now, 'lk', kind, 'cid', ARGV[14], 'cat', now)
  else
    redis.call('HSET', contact, 'last', now, 'lk', kind, 'dm', now)
  end
  redis.call('ZADD', P .. 'recent', now, n)
elseif kind == 'answer' then
  redis.call('HSET', P .. 'contact:' .. n, 'ans', now)
  redis.call('ZADD', P .. 'recent', now, n)
end
if seen ~= '' then redis.call('SET', P .. seen, mid, 'PX', ARGV[2]) end
if ARGV[15] ~= '' then redis.call('SET', P .. ARGV[15], mid, 'PX', ARGV[16]) end
local dests = {}
for i = 21, #ARGV do dests[#dests + 1] = ARGV[i] end
local rung, generations = put(now, mid, kind, ARGV[11], n, ARGV[12], ARGV[13], dests, ARGV[16])
local out = { 1, n, mid, now, user, name }
for i, dest in ipairs(rung) do
  local g = ''
  if string.find(ARGV[20], ' ' .. dest .. ' ', 1, true) then
    local at = redis.call('HMGET', P .. 'dest:' .. dest, 'paused', 'open')
    if not at[1] and not at[2] then
      g = generations[i]
      redis.call('HSET', lock_key(dest, n), 't', g, 'w', ARGV[18])
      redis.call('ZADD', queue_key(dest), now + ARGV[19], dest .. ':' .. n .. ':' .. g)
    end
  end
  if g == '' and ARGV[17] == '1' then redis.call('PUBLISH', P .. 'bell', dest) end
  out[#out + 1] = dest
  out[#out + 1] = g
end
return out
