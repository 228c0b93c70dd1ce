-- arq's own record of the job. A lane handed over at acceptance runs at once and goes without, until it goes to sleep.
local function describe(dest, n, g, job, now)
  local arguments = '["' .. dest .. '",' .. n .. ',' .. g .. ']'
  call('SET', 'arq:job:' .. job,
    '{"t":null,"f":"drain","a":' .. arguments .. ',"k":{},"et":' .. string.format('%d', now) .. '}')
end
