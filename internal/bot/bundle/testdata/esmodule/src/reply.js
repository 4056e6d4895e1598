export const reply = async (text) => `You said: ${text ?? 'nothing'}`;
