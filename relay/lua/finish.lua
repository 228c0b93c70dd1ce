-- Writes what an attempt came to and hands out the lane's next head, in one step. Compare-and-set on the fencing
-- token: a worker that lost its lease changes nothing (RELIABILITY A11, A12).
-- ARGV: 1 destination  2 number  3 job  4 token  5 delivery id  6 verdict: ok part retry hold dead credentials
--       7 log line  8 delay ms (retry, hold)  9 remote id  10 retention ms  11 reason  12 words  13 lease ms
--       14 go on ("1") or release ("0")  15 account the remote id belongs to  16 breaker failures (0: none)
--       17 breaker lanes  18 first probe ms  19 longest probe ms  20 bell
--       21 notice id or ""  22 notice JSON  23 parts accepted and tries failed before this attempt, as p/t, or ""
--       24... notice destinations
-- Returns {status, delivery state, destination news, rung destinations joined by " ", head...}; status: next, done,
-- asleep, stale.
local now, dest, n, job = now_ms(), ARGV[1], ARGV[2], ARGV[3]
local did, verdict = ARGV[5], ARGV[6]
local queue, lock, lane, at = queue_key(dest), lock_key(dest, n), lane_key(dest, n), P .. 'dest:' .. dest
local key = P .. 'd:' .. did
if redis.call('HGET', lock, 't') ~= ARGV[4] then return { 'stale', '', '', '' } end
local state, news, rung = '', '', {}

local function tell()
  if ARGV[21] == '' then return end
  local dests = {}
  for i = 24, #ARGV do dests[#dests + 1] = ARGV[i] end
  rung = put(now, ARGV[21], 'notice', '', n, ARGV[22], '', dests, ARGV[10])
  if ARGV[20] == '1' then
    for _, d in ipairs(rung) do redis.call('PUBLISH', P .. 'bell', d) end
  end
end

-- The head, or this attempt at it, may already be written: our first answer was lost on the way back and this is the
-- second try to say it. Writing it again would pass over the next part, which then nobody sends, or use up a try.
local was = redis.call('HMGET', key, 'p', 't')
local said = ARGV[23] ~= '' and (was[1] or '0') .. '/' .. (was[2] or '0') ~= ARGV[23]
if redis.call('LINDEX', lane, 0) == did and not said then
  note(did, ARGV[7])
  local due = nil
  if verdict == 'ok' or verdict == 'part' then
    if redis.call('HDEL', at, 'fails') == 1 then redis.call('DEL', P .. 'failing:' .. dest) end
    if redis.call('HEXISTS', at, 'open') == 1 then
      redis.call('HDEL', at, 'open', 'probe', 'pause', 'prober')
      news = 'closed'
      -- The destination is back: lanes asleep on their schedule need not wait for it, but come one after another.
      local i = 0
      for _, other in ipairs(redis.call('ZRANGE', P .. 'lanes:' .. dest, 0, 9999)) do
        local l = redis.call('HMGET', lock_key(dest, other), 'g', 'w')
        if l[1] and not l[2] then
          i = i + 1
          redis.call('ZADD', queue, 'XX', 'LT', now + i * 5, dest .. ':' .. other .. ':' .. l[1])
        end
      end
    end
    local parts = (redis.call('HGET', key, 'ps') or '') .. 'a'
    local remote, said = ARGV[9], ARGV[12]
    if remote ~= '' then
      redis.call('SET', P .. 'remote:' .. ARGV[15] .. ':' .. remote, did .. ' ' .. #parts, 'PX', ARGV[10])
      local had = redis.call('HGET', key, 'r')
      redis.call('HSET', key, 'r', had and (had .. '\n' .. remote) or remote)
      -- Reports that came before the answer to our request.
      local early = P .. 'early:' .. ARGV[15] .. ':' .. remote
      for _, line in ipairs(redis.call('LRANGE', early, 0, -1)) do
        parts = reported(did, parts, #parts, string.sub(line, 1, 1), string.sub(line, 2))
        if string.sub(line, 1, 1) == 'x' then said = cjson.decode(string.sub(line, 2)).words or said end
      end
      redis.call('DEL', early)
    end
    if verdict == 'part' then
      redis.call('HSET', key, 'ps', parts, 'p', #parts, 't', 0)
    else
      state = standing(parts)
      redis.call('HSET', key, 'ps', parts, 's', state, 'done', 1)
      redis.call('LPOP', lane)
      if state == 'failed' then bury(did, now, 'reported', said) else ended(did, ARGV[10]) end
    end
  elseif verdict == 'dead' then
    state = 'failed'
    bury(did, now, ARGV[11], ARGV[12])
    redis.call('LPOP', lane)
    tell()
  elseif verdict == 'credentials' then
    due = now
    if redis.call('HEXISTS', at, 'paused') == 0 then
      redis.call('HSET', at, 'paused', 'credentials', 'words', ARGV[12], 'since', now)
      news = 'paused'
    end
  elseif verdict == 'hold' then
    due = now + ARGV[8]
  else
    local open = redis.call('HMGET', at, 'open', 'pause', 'prober')
    if open[1] then
      -- No try is used up. Only the probe's own failure lengthens the pause: what was under way when the breaker opened
      -- says nothing new, and a hundred of those would make the first pause the longest one.
      if open[3] == ARGV[4] then
        local pause = math.min(tonumber(open[2]) * 2, tonumber(ARGV[19]))
        redis.call('HSET', at, 'probe', now + pause, 'pause', pause, 'words', ARGV[12])
      end
      due = now
    else
      redis.call('HINCRBY', key, 't', 1)
      due = now + ARGV[8]
      local limit = tonumber(ARGV[16])
      if limit > 0 then
        local fails = redis.call('HINCRBY', at, 'fails', 1)
        redis.call('SADD', P .. 'failing:' .. dest, n)
        if fails >= limit and redis.call('SCARD', P .. 'failing:' .. dest) >= tonumber(ARGV[17]) then
          redis.call('HSET', at, 'open', now, 'probe', now + ARGV[18], 'pause', ARGV[18], 'words', ARGV[12])
          news = 'opened'
        end
      end
    end
  end
  if due then
    redis.call('HSET', key, 'due', due)
    redis.call('HDEL', lock, 't', 'w')
    redis.call('ZADD', queue, due, job)
    return { 'asleep', 'queued', news, '', string.format('%d', due) }
  end
end

local first = head(dest, n)
if not first then
  close_lane(dest, n, job)
  return { 'done', state, news, table.concat(rung, ' ') }
end
if ARGV[14] ~= '1' or redis.call('HEXISTS', at, 'paused') == 1 then
  redis.call('HDEL', lock, 't', 'w')
  redis.call('ZADD', queue, now, job)
  return { 'asleep', state, news, table.concat(rung, ' '), string.format('%d', now) }
end
redis.call('ZADD', queue, now + ARGV[13], job)
redis.call('ZADD', P .. 'lanes:' .. dest, 'XX', tonumber(first[7]) or now, n)
return { 'next', state, news, table.concat(rung, ' '), unpack(first) }
