import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from 'react';
import { hrefTo, navigate } from './route.ts';

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: string;
  params?: Readonly<Record<string, string>>;
  children: ReactNode;
}

/** An ordinary link that does not reload: middle click, copy and keyboard work as everywhere. */
export function Link({ to, params, children, ...rest }: LinkProps) {
  const href = hrefTo(to, params);
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a {...rest} href={href} onClick={follow}>
      {children}
    </a>
  );
}
