-- Put in front of every script. KEYS[1] is the deployment's prefix with its hash tag ("{relay}:"); every other key
-- is derived from it and so lives in the same slot. Keys and lifetimes are described in relay/keys.py.
local P = KEYS[1]

-- One clock for all processes: the store's (RELIABILITY A18).
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function lane_key(dest, n) return P .. 'lane:' .. dest .. ':' .. n end
local function lock_key(dest, n) return P .. 'lock:' .. dest .. ':' .. n end
local function queue_key(dest) return P .. 'arq:' .. dest end
local function message_of(did) return string.match(did, '^(.*)%-%d+$') end

-- Makes sure an arq job stands for the lane: armed means that the job of the lane's present generation is in the
-- queue, whether due, asleep or (its score being the end of the lease) running. The generation makes the id unique
-- per drain (RELIABILITY A9); looking for the job itself instead of keeping a flag heals lost jobs by the way. Returns
-- the new generation, false for a lane that was armed already.
local function arm(dest, n, now)
  local lock, queue = lock_key(dest, n), queue_key(dest)
  local g = redis.call('HGET', lock, 'g')
  if g then
    if redis.call('ZSCORE', queue, dest .. ':' .. n .. ':' .. g) then return false end
    redis.call('DEL', 'arq:job:' .. dest .. ':' .. n .. ':' .. g)
  end
  g = redis.call('HINCRBY', P .. 'seq', 'fence', 1)
  local job = dest .. ':' .. n .. ':' .. g
  redis.call('DEL', lock)
  redis.call('HSET', lock, 'g', g)
  redis.call('SET', 'arq:job:' .. job,
    '{"t":null,"f":"drain","a":["' .. dest .. '",' .. n .. ',' .. g .. '],"k":{},"et":' .. string.format('%d', now) .. '}')
  redis.call('ZADD', queue, now, job)
  redis.call('ZADD', P .. 'lanes:' .. dest, 'NX', now, n)
  return g
end

-- Journals a message and appends one delivery per destination to its lane. Returns the destinations whose lane was
-- asleep and has just been armed, and each one's generation.
local function put(now, mid, kind, origin, n, e, raw, dests, retention)
  local key = P .. 'm:' .. mid
  redis.call('HSET', key, 'k', kind, 'o', origin, 'n', n, 'at', now, 'e', e, 'raw', raw,
    'd', table.concat(dests, ' '), 'open', #dests)
  if n ~= '0' then
    -- What has left the journal leaves the log with it; a conversation nobody writes in forgets its log as a whole.
    local log = P .. 'log:' .. n
    redis.call('ZADD', log, now, mid)
    redis.call('ZREMRANGEBYSCORE', log, '-inf', now - retention)
    redis.call('PEXPIRE', log, retention)
  end
  if #dests == 0 then redis.call('PEXPIRE', key, retention) end
  local rung, generations = {}, {}
  for i, dest in ipairs(dests) do
    local did = mid .. '-' .. i
    redis.call('HSET', P .. 'd:' .. did, 'to', dest, 's', 'queued', 'n', n)
    redis.call('RPUSH', lane_key(dest, n), did)
    local g = arm(dest, n, now)
    if g then rung[#rung + 1], generations[#rung + 1] = dest, g end
  end
  return rung, generations
end

-- Everything a worker needs to send the head of a lane; nil when the lane is empty. A head whose records are gone
-- (somebody else's FLUSH, a restored backup) is passed over.
local function head(dest, n)
  local lane = lane_key(dest, n)
  while true do
    local did = redis.call('LINDEX', lane, 0)
    if not did then return nil end
    local d = redis.call('HMGET', P .. 'd:' .. did, 's', 't', 'p', 'l')
    local m = redis.call('HMGET', P .. 'm:' .. message_of(did), 'k', 'o', 'e', 'at')
    if d[1] and m[3] then
      local c = redis.call('HMGET', P .. 'contact:' .. n, 'ch', 'id', 'user', 'name')
      return { did, d[2] or '0', d[3] or '0', m[1], m[2], m[3], m[4], c[1] or '', c[2] or '', c[3] or '', c[4] or '',
        d[4] and '1' or '0' }
    end
    redis.call('LPOP', lane)
  end
end

-- The lane is empty: its job, lock and place in the index go.
local function close_lane(dest, n, job)
  redis.call('ZREM', queue_key(dest), job)
  redis.call('DEL', 'arq:job:' .. job, lock_key(dest, n))
  redis.call('ZREM', P .. 'lanes:' .. dest, n)
end

-- One line (a JSON object) more in the delivery's log of attempts and reports.
local function note(did, line)
  if line == '' then return end
  local key = P .. 'd:' .. did
  local l = redis.call('HGET', key, 'l')
  redis.call('HSET', key, 'l', l and (l .. '\n' .. line) or line)
end

-- A delivery came to its end: it, and with its last delivery the message, leave after the retention.
local function ended(did, retention)
  redis.call('PEXPIRE', P .. 'd:' .. did, retention)
  local key = P .. 'm:' .. message_of(did)
  if redis.call('HINCRBY', key, 'open', -1) <= 0 then redis.call('PEXPIRE', key, retention) end
end

-- A delivery became a dead letter: it stays until a person drops or replays it.
local function bury(did, now, reason, words)
  redis.call('HSET', P .. 'd:' .. did, 's', 'failed', 'reason', reason, 'words', words, 'dead', now)
  redis.call('ZADD', P .. 'dead', now, did)
end

-- The ladder. One letter per part: a accepted, d delivered, r read, x failed; never backwards, read and failed last.
local RANK = { a = 1, d = 2, r = 3 }
local NAME = { 'accepted', 'delivered', 'read' }
local function climb(parts, part, code)
  local cur = string.sub(parts, part, part)
  if cur == '' or cur == 'x' then return parts end
  if code == 'x' then
    if cur ~= 'a' then return parts end
  elseif not RANK[code] or RANK[code] <= RANK[cur] then
    return parts
  end
  return string.sub(parts, 1, part - 1) .. code .. string.sub(parts, part + 1)
end

local function standing(parts)
  local least = 3
  for i = 1, #parts do
    local c = string.sub(parts, i, i)
    if c == 'x' then return 'failed' end
    if RANK[c] < least then least = RANK[c] end
  end
  return NAME[least]
end

-- One report about one part: the parts' letters after it. It is noted in the log only where it is news.
local function reported(did, parts, part, code, line)
  local after = climb(parts, part, code)
  if after ~= parts then
    note(did, line)
  elseif code == 'p' and string.sub(parts, part, part) == 'a' then
    local log = redis.call('HGET', P .. 'd:' .. did, 'l') or ''
    if not string.find(log, '"what":"pending"', 1, true) then note(did, line) end
  end
  return after
end
