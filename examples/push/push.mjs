// Sends one inference to gnomon; needs nothing but Node.js.
const record = { id: "node-1", model: "digits",
  request: { inputs: [{ name: "image", shape: [1, 1, 8, 8], datatype: "FP32", data: Array(64).fill(0.5) }] },
  response: { outputs: [{ name: "logits", shape: [1, 10], datatype: "FP32", data: [...Array(10).keys()] }] } };
const url = (process.env.GNOMON ?? "http://127.0.0.1:9464") + "/api/v1/records";
const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(record) });
console.log(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
