-- A message's first delivery, number 0, is kept in the message's own record: nearly every message has but this one.
-- Before there was a number 0 each had its own record, and number 1 was the first.
local function record_of(did)
  local mid, i = string.match(did, '^(.*)%-(%d+)$')
  if i == '0' then return P .. 'm:' .. mid end
  return P .. 'd:' .. did
end
local function message_of(did) return string.match(did, '^(.*)%-%d+$') end
