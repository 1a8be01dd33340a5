// A request as code that can be run elsewhere.
const CALLS = { chat: "chat.completions.create", images: "images.generate", embeddings: "embeddings.create" };
const SHOWN = { images: "data[0].b64_json", embeddings: "data[0].embedding" };

export function codeOf(origin, operation, path, body) {
  return { curl: curl(origin + path, body), python: python(origin, operation, body), javascript: javascript(origin, operation, body) };
}

function curl(url, body) {
  const text = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl ${url} \\\n  -H "Authorization: Bearer $KEYTURN_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${text}'`;
}

function python(origin, operation, body) {
  const members = Object.entries(body).map(([name, value]) => `    ${name}=${literal(value)},\n`);
  const shown = body.stream
    ? "for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or \"\", end=\"\")"
    : `print(answer.${SHOWN[operation] || "choices[0].message.content"})`;
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${origin}/v1", api_key=os.environ["KEYTURN_API_KEY"])`,
    `answer = client.${CALLS[operation]}(\n${members.join("")})`,
    shown,
  ].join("\n");
}

function literal(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `"${name}": ${literal(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

function javascript(origin, operation, body) {
  const text = JSON.stringify(body, null, 2);
  const shown = body.stream
    ? "for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? \"\");"
    : `console.log(answer.${SHOWN[operation] || "choices[0].message.content"});`;
  return [
    "import OpenAI from \"openai\";",
    "",
    `const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.KEYTURN_API_KEY });`,
    `const answer = await client.${CALLS[operation]}(${text});`,
    shown,
  ].join("\n");
}
