-- Takes due lanes of one destination: one script for a whole batch, because claiming one by one is what makes a plain
-- arq worker slow (measured: 3.5 times). A claimed job stays in arq's queue with the end of its lease as score, so
-- it is seen again by itself when its worker dies, and running jobs never hide due ones (RELIABILITY A11, A14, A15).
-- ARGV: 1 destination  2 worker id  3 lease ms  4 how many at most
-- Returns {next due ms or -1, state, {number, job, token, taken over, known job} .. head, ...}
local now, dest = now_ms(), ARGV[1]
local queue, at = queue_key(dest), P .. 'dest:' .. dest
local want = tonumber(ARGV[4])
local st = redis.call('HMGET', at, 'paused', 'open', 'probe')
if st[1] then return { -1, now, st[1] } end
if st[2] then
  local probe = tonumber(st[3])
  if now < probe then return { probe, now, 'open' } end
  want = 1
end
local out = { -1, now, st[2] and 'probe' or '' }
local taken = 0
while taken < want do
  local jobs = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, want - taken)
  if #jobs == 0 then break end
  for _, job in ipairs(jobs) do
    local n, g = string.match(job, '^' .. string.gsub(dest, '%-', '%%-') .. ':(%d+):(%d+)$')
    if not n then
      -- Not one of ours: another version's job, or somebody else's. The worker makes a dead letter of it.
      out[#out + 1] = { '', job, '0', '0', redis.call('GET', 'arq:job:' .. job) or '' }
      redis.call('ZADD', queue, now + ARGV[3], job)
      taken = taken + 1
    else
      local lock = lock_key(dest, n)
      local had = redis.call('HMGET', lock, 'g', 'w')
      local first = had[1] == g and head(dest, n)
      if not first then
        if had[1] == g then close_lane(dest, n, job)
        else
          redis.call('ZREM', queue, job)
          redis.call('DEL', 'arq:job:' .. job)
        end
      else
        local token = redis.call('HINCRBY', P .. 'seq', 'fence', 1)
        redis.call('HSET', lock, 't', token, 'w', ARGV[2])
        redis.call('ZADD', queue, now + ARGV[3], job)
        if st[2] then redis.call('HSET', at, 'probe', now + ARGV[3], 'prober', token) end
        local payload = redis.call('GET', 'arq:job:' .. job)
        local known = not payload or string.find(payload, '"f":"drain"', 1, true)
        out[#out + 1] = { n, job, string.format('%d', token), had[2] and '1' or '0', known and '' or payload, unpack(first) }
        taken = taken + 1
      end
    end
  end
end
local nxt = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
if nxt[2] then out[1] = tonumber(nxt[2]) end
return out
