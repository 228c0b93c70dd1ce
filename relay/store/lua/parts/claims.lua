-- A comment is answered once. The answer claims that at its acceptance, and holds the claim for as long as it may have
-- been used up. Only the delivery to the channel itself stands for the claim, not what other desks are shown of it.

-- The key of the claim that a message of this kind and envelope holds at this destination; nil for none.
local function claim_of(mid, dest)
  local m = call('HMGET', P .. 'm:' .. mid, 'k', 'e')
  if m[1] ~= 'answer' or not string.find(m[2] or '', '"comment_id"', 1, true) then return nil end
  local ok, e = pcall(cjson.decode, m[2])
  return ok and e.comment_id and P .. 'once:comment:' .. dest .. ':' .. e.comment_id or nil
end

-- The answer will not be there: somebody may answer anew. Not where one of its attempts may have arrived in spite of its
-- failure, unless the other side itself says that it did not (`surely`).
local function give_back(did, dest, log, surely)
  if not surely and string.find(log or '', '"certain":false', 1, true) then return end
  local mid = message_of(did)
  local key = claim_of(mid, dest)
  if key and call('GET', key) == mid then call('DEL', key) end
end

-- The answer is to be sent after all. False when another one has the claim.
local function take_again(did, dest, retention)
  local mid = message_of(did)
  local key = claim_of(mid, dest)
  return not key or call('SET', key, mid, 'NX', 'PX', retention) and true or call('GET', key) == mid
end
