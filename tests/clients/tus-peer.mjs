// The reference server of the tus project, to be measured beside ours. node tus-peer.mjs PORT DIRECTORY
import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [port, directory] = process.argv.slice(2);
const tus = new Server({ path: "/files", datastore: new FileStore({ directory }) });
createServer(tus.handle.bind(tus)).listen(Number(port), "127.0.0.1");
