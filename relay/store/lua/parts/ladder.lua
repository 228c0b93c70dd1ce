-- One line (a JSON object) more in a log of attempts and reports; nil for none.
local function noted(log, line)
  if line == '' then return log end
  return log and (log .. '\n' .. line) or line
end

local function standing(parts)
  if string.find(parts, 'x', 1, true) then return 'failed' end
  if string.find(parts, 'a', 1, true) then return 'accepted' end
  return string.find(parts, 'd', 1, true) and 'delivered' or 'read'
end

-- One report about one part: the parts' letters and the log after it. The ladder has one letter per part: a accepted,
-- d delivered, r read, x failed; it is never climbed down, and read and failed are its ends. Only news is noted.
local function reported(parts, log, part, code, line)
  local cur = string.sub(parts, part, part)
  local rank, reached = string.find('adr', code, 1, true), string.find('adr', cur, 1, true)
  if code == 'p' then
    if cur == 'a' and not string.find(log or '', '"what":"pending"', 1, true) then log = noted(log, line) end
  elseif code == 'x' and cur == 'a' or rank and reached and cur ~= '' and rank > reached then
    parts = string.sub(parts, 1, part - 1) .. code .. string.sub(parts, part + 1)
    log = noted(log, line)
  end
  return parts, log
end
