import { Component, type ReactNode } from 'react';
import { Failure } from '../ui/state.tsx';

/** Keeps the rest of the console standing when a page breaks. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    return this.state.error ? <Failure error={this.state.error} onRetry={() => this.setState({ error: undefined })} /> : this.props.children;
  }
}
