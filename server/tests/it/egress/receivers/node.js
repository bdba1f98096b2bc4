// Receivers as node's users write them: each path believes a message in another way, and answers with a signature of its own.

"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const Standard = require("standardwebhooks").Webhook;
const Svix = require("svix").Webhook;

const secret = process.env.SECRET;
const publicKey = process.env.PUBLIC_KEY;

// An Ed25519 key as SubjectPublicKeyInfo: what comes before the 32 bytes is always the same.
const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(publicKey.slice("whpk_".length), "base64")]);
const key = crypto.createPublicKey({ key: spki, format: "der", type: "spki" });

function ed25519(headers, body) {
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signatures = headers["webhook-signature"].split(" ").filter((one) => one.startsWith("v1a,"));
  if (!signatures.some((one) => crypto.verify(null, Buffer.from(content), key, Buffer.from(one.slice(4), "base64")))) {
    throw new Error("no signature matches");
  }
  return "";
}

function library(Webhook) {
  return (headers, body) => {
    const webhook = new Webhook(secret);
    webhook.verify(body, headers);
    return webhook.sign(headers["webhook-id"], new Date(Number(headers["webhook-timestamp"]) * 1000), body);
  };
}

const receivers = { "/standardwebhooks": library(Standard), "/svix": library(Svix), "/ed25519": ed25519 };

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    try {
      response.end(receivers[request.url](request.headers, Buffer.concat(chunks).toString("utf8")));
    } catch (error) {
      response.statusCode = 400;
      response.end(`${error.message}`);
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
