import { startShell } from "./ui/shell.ts";

startShell(() => undefined);
