/**
 * @file A real `trunkline up` for tests: on free ports, in a directory of its own, stopped by its own process id.
 *
 * Promises: `start` resolves when the cluster takes connections; `kill` is what a crash is, `start` after it goes on with the same data and port.
 * Does not: build it. `TRUNKLINE_BIN` names the program; default is the debug build of this repository.
 */

import { spawn } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./until.js";

const PROGRAM = process.env.TRUNKLINE_BIN ?? fileURLToPath(new URL("../../../target/debug/trunkline", import.meta.url));
const START_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 15_000;
/** Ports tried for one that is free together with its successor. */
const PORT_ATTEMPTS = 50;

export class TrunklineUp {
  #directory;
  #process = null;
  #log = "";

  /**
   * @param {string[]} [options] more arguments of `trunkline up`
   * @returns {Promise<TrunklineUp>}
   */
  static async start(options = []) {
    await access(PROGRAM).catch(() => {
      throw new Error(`no program at ${PROGRAM}: run "cargo build -p trunkline", or name one in TRUNKLINE_BIN`);
    });
    const server = new TrunklineUp();
    server.port = await freePortPair();
    server.options = options;
    server.#directory = await mkdtemp(join(tmpdir(), "trunkline-test-"));
    await server.start();
    return server;
  }

  /** The chat page. */
  get page() {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Where clients connect. */
  get url() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** The HTTP interface of the nodes. */
  get api() {
    return `http://127.0.0.1:${this.port + 1}/api/v1`;
  }

  async start() {
    const child = spawn(PROGRAM, ["up", "--port", String(this.port), "--data", this.#directory, ...this.options], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (this.#log += data));
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`trunkline up ended with ${child.exitCode}:\n${this.#log}`);
        const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`).catch(() => null);
        return answer?.status === 200;
      },
      `trunkline up is ready\n${this.#log}`,
      START_PATIENCE_MS,
    );
  }

  /** Ends it without a word. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** Ends it politely and removes its data. */
  async stop() {
    await this.#end("SIGTERM");
    await rm(this.#directory, { recursive: true, force: true });
  }

  /**
   * Sends as a service does.
   * @param {object} message
   */
  async post(message) {
    const answer = await fetch(`${this.api}/messages`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(message) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** @param {"SIGKILL" | "SIGTERM"} signal */
  async #end(signal) {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** A port that is free together with the next one, which `up` takes for its HTTP interface. */
async function freePortPair() {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const port = await listenOnce(0);
    if (port < 65_535 && (await listenOnce(port + 1).catch(() => null)) !== null) return port;
  }
  throw new Error(`no two neighbouring free ports in ${PORT_ATTEMPTS} attempts`);
}

/**
 * @param {number} port
 * @returns {Promise<number>}
 */
function listenOnce(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const taken = server.address().port;
      server.close(() => resolve(taken));
    });
  });
}
