-- SPDX-License-Identifier: GPL-3.0-or-later
-- wrk's side of the bench suite: what to ask for, and everything wrk knows as one line of JSON.
--
--   wrk ... -s load.lua URL -- [method=POST] [body=BYTES] [close] [accept=CODING] [path=/a path=/b ...]
--
-- One path: wrk sends the same bytes over and over. Several: they take turns. The result is the
-- line that begins with "json ".

local paths, body_bytes = {}, 0

function init(args)
    for _, word in ipairs(args) do
        local name, value = word:match("^(%w+)=?(.*)$")
        if name == "method" then
            wrk.method = value
        elseif name == "body" then
            body_bytes = tonumber(value)
        elseif name == "accept" then
            wrk.headers["Accept-Encoding"] = value
        elseif name == "close" then
            wrk.headers["Connection"] = "close"
        elseif name == "path" then
            paths[#paths + 1] = value
        end
    end
    if body_bytes > 0 then
        wrk.body = ("0123456789abcdef"):rep(math.ceil(body_bytes / 16)):sub(1, body_bytes)
    end
    local requests = {}
    for i, path in ipairs(paths) do
        requests[i] = wrk.format(nil, path)
    end
    if #requests > 1 then
        local next_one = 0
        request = function()
            next_one = next_one % #requests + 1
            return requests[next_one]
        end
    end
end

local percents = { 1, 5, 10, 25, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 96, 97, 98, 99, 99.5, 99.75,
                   99.9, 99.95, 99.99, 99.999 }

function done(summary, latency)
    local errors, points = summary.errors, {}
    for i, percent in ipairs(percents) do
        points[i] = ("[%g,%d]"):format(percent, latency:percentile(percent))
    end
    io.write(("json {\"requests\":%d,\"microseconds\":%d,\"bytes\":%d,\"connect\":%d,\"read\":%d,"
        .. "\"write\":%d,\"timeout\":%d,\"status\":%d,\"max\":%d,\"percentiles\":[%s]}\n"):format(
        summary.requests, summary.duration, summary.bytes, errors.connect, errors.read,
        errors.write, errors.timeout, errors.status, latency.max, table.concat(points, ",")))
end
