export * from './model';
export * from './view';
