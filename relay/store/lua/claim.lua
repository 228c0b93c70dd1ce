-- Takes due lanes of one destination: one script for a whole batch, because claiming one by one is what makes a plain
-- arq worker slow (measured: 3.5 times). A claimed job stays in arq's queue with the end of its lease as score, so
-- it is seen again by itself when its worker dies, and running jobs never hide due ones (PITFALLS A11, A14, A15).
-- ARGV: 1 destination  2 worker id  3 lease ms  4 how many at most
-- Returns {next due ms or -1, state, {number, job, token, taken over, known job} .. head, ...}
local now, dest, worker, lease = now_ms(), ARGV[1], ARGV[2], ARGV[3]
local queue, at = queue_key(dest), P .. 'dest:' .. dest
local want = tonumber(ARGV[4])
local st = call('HMGET', at, 'paused', 'open', 'probe')
if st[1] then return { -1, now, st[1] } end
if st[2] then
  local probe = tonumber(st[3])
  if now < probe then return { probe, now, 'open' } end
  want = 1
end
local ours = '^' .. string.gsub(dest, '%-', '%%-') .. ':(%d+):(%d+)$'
local out = { -1, now, st[2] and 'probe' or '' }
local taken = 0
while taken < want do
  local jobs = call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, want - taken)
  if #jobs == 0 then break end
  local records = {}
  for i, job in ipairs(jobs) do records[i] = 'arq:job:' .. job end
  records = call('MGET', unpack(records))
  -- One number for each, given out at once; those of jobs that turn out to be none are never used.
  local token = call('HINCRBY', P .. 'seq', 'fence', #jobs) - #jobs
  local leased = {}
  for i, job in ipairs(jobs) do
    local n, g = string.match(job, ours)
    local lock = n and lock_key(dest, n)
    local had = n and call('HMGET', lock, 'g', 'w')
    local first = n and had[1] == g and head(dest, n)
    if first then
      token = token + 1
      call('HSET', lock, 't', token, 'w', worker)
      if st[2] then call('HSET', at, 'probe', now + lease, 'prober', token) end
      local record = records[i]
      if not record then describe(dest, n, g, job, now) end
      local known = not record or string.find(record, '"f":"drain"', 1, true)
      out[#out + 1] = { n, job, string.format('%d', token), had[2] and '1' or '0', known and '' or record,
        unpack(first) }
    elseif not n then
      -- Not one of ours: another version's job, or somebody else's. The worker makes a dead letter of it.
      out[#out + 1] = { '', job, '0', '0', records[i] or '' }
    end
    if first or not n then
      leased[#leased + 1], leased[#leased + 2] = now + lease, job
      taken = taken + 1
    elseif had[1] == g then
      close_lane(dest, n, job)
    else
      call('ZREM', queue, job)
      call('DEL', 'arq:job:' .. job)
    end
  end
  if #leased > 0 then call('ZADD', queue, unpack(leased)) end
end
local nxt = call('ZRANGE', queue, 0, 0, 'WITHSCORES')
if nxt[2] then out[1] = tonumber(nxt[2]) end
return out
