-- Put in front of every script. KEYS[1] is the deployment's prefix with its hash tag ("{relay}:"); every other key
-- is derived from it and so lives in the same slot. Keys and lifetimes are described in relay/store/keys.py.
--
-- What costs in these scripts is not the work but the number of commands: one of them is 2 to 4 us however little it
-- does, twice that if it writes. And whatever stands here is built anew in every call, so each script is given only the
-- parts it names (relay/store/store.py).
local P = KEYS[1]
local call = redis.call

-- One clock for all processes: the store's (PITFALLS A18).
local function now_ms()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function lane_key(dest, n) return P .. 'lane:' .. dest .. ':' .. n end
local function lock_key(dest, n) return P .. 'lock:' .. dest .. ':' .. n end
local function queue_key(dest) return P .. 'arq:' .. dest end
