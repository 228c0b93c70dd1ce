-- Accepts one message: claims the idempotency key, finds or makes the contact, journals, appends to each lane and arms
-- what sleeps. All or nothing.
-- ARGV: 1 seen key or ""  2 its lifetime ms  3 "in" or a conversation number  4 channel  5 remote user  6 username
--       7 username, lower case  8 name  9 message id  10 kind  11 origin  12 e (JSON)  13 raw  14 comment id
--       15 once key or ""  16 retention ms  17 bell ("1": tell other processes)  18... destinations
-- Returns {status, number, message id, destinations woken ...}; status 1 accepted, 0 seen before, 2 once key taken.
local now = now_ms()
local seen = ARGV[1]
if seen ~= '' then
  local was = redis.call('GET', P .. seen)
  if was then return { 0, redis.call('HGET', P .. 'm:' .. was, 'n') or '0', was } end
end
local mid, kind, n = ARGV[9], ARGV[10], ARGV[3]
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
for i = 18, #ARGV do dests[#dests + 1] = ARGV[i] end
local rung = put(now, mid, kind, ARGV[11], n, ARGV[12], ARGV[13], dests, ARGV[16])
local out = { 1, n, mid }
for _, dest in ipairs(rung) do
  if ARGV[17] == '1' then redis.call('PUBLISH', P .. 'bell', dest) end
  out[#out + 1] = dest
end
return out
