import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: { outDir: join(import.meta.dirname, 'dist'), emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 2000 },
  // `vite dev` beside a running console server or the mock.
  server: { proxy: { '/api': { target: process.env['CONSOLE_URL'] ?? 'http://127.0.0.1:20001' } } },
});
