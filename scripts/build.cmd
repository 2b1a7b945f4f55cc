@echo off
rem The same as scripts/build: sets up what is missing, then calls the program of both systems.
call "%~dp0lib\start.cmd" lib\building\build.mjs %*
exit /b %errorlevel%
