@echo off
rem As scripts/compare-models: sets up what is missing, then calls the program of both systems.
rem Lists in quotes: --connections "10,100".
call "%~dp0lib\start.cmd" compare-models.mjs %*
exit /b %errorlevel%
