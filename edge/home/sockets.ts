/** Sends unless the socket is gone: its close event tells the rest. */
export function sendBytes(socket: WebSocket, bytes: Uint8Array): void {
  if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.send(bytes);
}

/** Closes, also a socket that is closing or closed already. `reason` is cut to what a close frame holds. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState !== WebSocket.READY_STATE_CLOSED) socket.close(code, reason.slice(0, 120));
}
