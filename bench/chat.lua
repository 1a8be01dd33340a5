-- POSTs the same chat completion over and over.
--   wrk ... -s chat.lua URL -- KEY sdk|minimal MODEL
-- "sdk" sends the header fields that OpenAI's Python SDK sends; "minimal" only the two that are needed.

function init(args)
  wrk.method = "POST"
  wrk.body = '{"messages":[{"role":"user","content":"Explain in one sentence why the sky is blue."}],"model":"' .. args[3] .. '"}'
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  wrk.headers["Content-Type"] = "application/json"
  if args[2] == "sdk" then
    wrk.headers["Accept"] = "application/json"
    wrk.headers["Accept-Encoding"] = "gzip, deflate"
    wrk.headers["Connection"] = "keep-alive"
    wrk.headers["User-Agent"] = "OpenAI/Python 3.52.0"
    wrk.headers["X-Stainless-Arch"] = "x64"
    wrk.headers["X-Stainless-Async"] = "false"
    wrk.headers["X-Stainless-Lang"] = "python"
    wrk.headers["X-Stainless-OS"] = "Linux"
    wrk.headers["X-Stainless-Package-Version"] = "3.52.0"
    wrk.headers["x-stainless-raw-response"] = "false"
    wrk.headers["x-stainless-read-timeout"] = "600"
    wrk.headers["x-stainless-retry-count"] = "0"
    wrk.headers["X-Stainless-Runtime"] = "CPython"
    wrk.headers["X-Stainless-Runtime-Version"] = "3.11.7"
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
